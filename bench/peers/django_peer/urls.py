from django.urls import path

from django_peer.views import register

urlpatterns = [path("api/visitor/register", register)]
